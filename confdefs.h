/* confdefs.h */
#define PACKAGE_NAME "chatserverd"
#define PACKAGE_TARNAME "chatserverd"
#define PACKAGE_VERSION "0.1.0"
#define PACKAGE_STRING "chatserverd 0.1.0"
#define PACKAGE_BUGREPORT ""
#define PACKAGE_URL ""

chat_MODEL = yes
chat_SHARED = message

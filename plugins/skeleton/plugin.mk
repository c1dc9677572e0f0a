# The skeleton needs nothing beyond plugin.h.

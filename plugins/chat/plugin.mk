chat_MODEL =

# reminders needs nothing beyond the installed headers.

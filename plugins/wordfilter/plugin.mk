# wordfilter needs nothing beyond plugin.h.

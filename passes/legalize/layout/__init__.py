"""Rules of `channels_first.py` that convert an operator from channels-last maps to NCHW."""

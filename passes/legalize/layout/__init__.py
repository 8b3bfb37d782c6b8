"""Rules of `channels_first.py`: how an operator on a channels-last map works on NCHW."""

"""One folder for each kind of kernel: the reference, the native code, and its benchmark."""

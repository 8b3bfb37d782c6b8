"""Exact average pooling of JPEG-domain maps, windowed and global."""

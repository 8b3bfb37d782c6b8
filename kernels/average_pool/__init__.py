"""Average pooling of jpeg-domain maps, windowed and global: linear and exact."""

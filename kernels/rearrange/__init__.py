"""SpaceToDepth and DepthToSpace of JPEG-domain maps: exact."""

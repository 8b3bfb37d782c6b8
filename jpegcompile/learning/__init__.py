"""Learning directly on JPEG coefficients, with PyTorch modules whose maps stay in the JPEG domain.

Every module has the parameters, buffers and names of its spatial twin in `torch.nn`, so that a
checkpoint of one loads into the other. A map keeps its shape [N, C, H, W]; the block size of its
tiles is the largest of 8, 4, 2 and 1 that divides H and W.
"""

from jpegcompile.errors import AccessError
from jpegcompile.messages import Message

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise AccessError(
        Message(
            "learning-needs-torch",
            "learning needs torch, which is not installed; run pip install 'jpegcompile[learn]'",
        )
    ) from error

from jpegcompile.learning.export import to_onnx
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.learning.lowering import JpegModule, LoweringReport, lower_graph
from jpegcompile.learning.lowering.spatial import to_spatial_module
from jpegcompile.learning.modules.activation import (
    JpegClip,
    JpegLeakyReLU,
    JpegPReLU,
    JpegReLU,
    JpegReLU6,
)
from jpegcompile.learning.modules.casts import ToJpeg, ToSpatial, Truncate
from jpegcompile.learning.modules.convolution import JpegConv2d
from jpegcompile.learning.modules.normalization import (
    JpegBatchNorm2d,
    JpegGroupNorm,
    JpegInstanceNorm2d,
)
from jpegcompile.learning.modules.pooling import (
    JpegAdaptiveAvgPool2d,
    JpegAvgPool2d,
    JpegMaxPool2d,
)
from jpegcompile.learning.modules.synchronized import JpegSyncBatchNorm2d
from jpegcompile.learning.onnx.logits import logits_of
from jpegcompile.learning.onnx.read import from_onnx
from jpegcompile.learning.packed_ingest import ingest_packed
from jpegcompile.learning.torch_import import from_torch

__all__ = [
    "JpegAdaptiveAvgPool2d",
    "JpegAvgPool2d",
    "JpegBatchNorm2d",
    "JpegClip",
    "JpegConv2d",
    "JpegGroupNorm",
    "JpegIngest",
    "JpegInstanceNorm2d",
    "JpegLeakyReLU",
    "JpegMaxPool2d",
    "JpegModule",
    "JpegPReLU",
    "JpegReLU",
    "JpegReLU6",
    "JpegSyncBatchNorm2d",
    "LoweringReport",
    "ToJpeg",
    "ToSpatial",
    "Truncate",
    "from_onnx",
    "from_torch",
    "ingest_packed",
    "logits_of",
    "lower_graph",
    "to_onnx",
    "to_spatial_module",
]

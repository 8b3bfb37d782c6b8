"""Arithmetic-coded JPEG files, which no encoder that the tests use writes."""

from __future__ import annotations

import base64

# One file, arithmetic-coded with libjpeg's encoder: sequential (SOF9) and progressive (SOF10).
_BASE64 = {
    "sequential": (
        "/9j/2wBDAAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD"
        "AwP/yQALCAAQABgBAREA/8wABgAQEAX/2gAIAQEAAD8A/wAtvUnOhns+u+Hk+wDVLUau/jiIdAL6B0wFtlXoBUyYX2im"
        "HNQ8bGRCIrLgvJulE1OQqKdsz0e6Ken8JWejmUkXVk1bQF54l3XlzS7QzBTupKbmiwg5olr5ZleWh07liF/fwnlNLjM9"
        "qZ5ofbUA4Vawjgpj/wC/Bpm5fvLtvXMYVvBMPRUQSv/Z"
    ),
    "progressive": (
        "/9j/2wBDAAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD"
        "AwP/ygALCAAQABgBAREA/8wABAAQ/9oACAEBAAAAAf5NHVxA/8wABBAF/9oACAEBAAEFAvQsZGPK2Ib/zAAEEAX/2gAI"
        "AQEABj8CnGxbKKqE710Kgd4nl9RNq/Dp5dHEJ4MTOc/uPNGQQfSXwRsFdeNPLLWIqr8sg8t07mFkAzaxk3MZFzu9TKrs"
        "zSUS8DbWO+1B+7t2MS7HSfOSa+2uaigg/8wABBAF/9oACAEBAAE/IUvGFzzizh3FIM/dV+YnEzQflRMwQxfyXOKgOEj/"
        "2gAIAQEAAAAQUP/MAAQQBf/aAAgBAQABPxBL9d9paM5KI3LieSPeDayh9lU0gciDiD4C/9k="
    ),
}

ARITHMETIC = {process: base64.b64decode(text) for process, text in _BASE64.items()}

"""What runs beside a compiled model: reading JPEG files and feeding sessions."""

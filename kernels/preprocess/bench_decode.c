/* A yardstick of bench.py: libjpeg-turbo decodes a file in memory to RGB, and nothing else. */
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* Decodes to a buffer that is kept; the pixels, or -1 where libjpeg ends in an error. */
long decode_to_rgb(const unsigned char *bytes, size_t size) {
    static unsigned char *pixels = NULL;
    static size_t capacity = 0;
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    decoder.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&decoder);
    jpeg_mem_src(&decoder, bytes, size);
    jpeg_read_header(&decoder, TRUE);
    decoder.out_color_space = JCS_RGB;
    jpeg_start_decompress(&decoder);
    const size_t stride = (size_t)decoder.output_width * 3;
    if (capacity < stride * decoder.output_height) {
        capacity = stride * decoder.output_height;
        pixels = realloc(pixels, capacity);
        if (pixels == NULL) {
            return -1;
        }
    }
    while (decoder.output_scanline < decoder.output_height) {
        JSAMPROW row = pixels + stride * decoder.output_scanline;
        jpeg_read_scanlines(&decoder, &row, 1);
    }
    const long count = (long)decoder.output_width * decoder.output_height;
    jpeg_finish_decompress(&decoder);
    jpeg_destroy_decompress(&decoder);
    return count;
}

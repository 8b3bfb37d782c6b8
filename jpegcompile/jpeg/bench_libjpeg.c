/* The baseline of bench.py: a plain loop over jpeg_read_coefficients, as in libjpeg's own
 * transcoders. Usage: bench_libjpeg DUMP FILE...
 *
 * Writes the coefficients of all files to DUMP as int16, without blocks outside the components'
 * true sizes. Then, for every line on its standard input, reads all files once and prints the
 * seconds of processor time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jpeglib.h>

static FILE *open_or_exit(const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void dump_coefficients(struct jpeg_decompress_struct *decoder, jvirt_barray_ptr *arrays,
                              FILE *dump) {
    for (int c = 0; c < decoder->num_components; ++c) {
        const jpeg_component_info *info = &decoder->comp_info[c];
        for (JDIMENSION row = 0; row < info->height_in_blocks; ++row) {
            JBLOCKARRAY blocks = decoder->mem->access_virt_barray((j_common_ptr)decoder, arrays[c],
                                                                  row, 1, FALSE);
            if (fwrite(blocks[0], sizeof(JBLOCK), info->width_in_blocks, dump) !=
                info->width_in_blocks) {
                perror("dump");
                exit(1);
            }
        }
    }
}

static void read_file(struct jpeg_decompress_struct *decoder, const char *path, FILE *dump) {
    FILE *file = open_or_exit(path, "rb");
    jpeg_stdio_src(decoder, file);
    jpeg_read_header(decoder, TRUE);
    jvirt_barray_ptr *arrays = jpeg_read_coefficients(decoder);
    if (dump != NULL) {
        dump_coefficients(decoder, arrays, dump);
    }
    jpeg_finish_decompress(decoder);
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bench_libjpeg DUMP FILE...\n");
        return 2;
    }
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    decoder.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&decoder);

    FILE *dump = open_or_exit(argv[1], "wb");
    for (int i = 2; i < argc; ++i) {
        read_file(&decoder, argv[i], dump);
    }
    fclose(dump);

    puts("ready");
    fflush(stdout);
    for (int byte = getchar(); byte != EOF; byte = getchar()) {
        if (byte != '\n') {
            continue;
        }
        struct timespec start, end;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
        for (int i = 2; i < argc; ++i) {
            read_file(&decoder, argv[i], NULL);
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        printf("%.9f\n", (double)(end.tv_sec - start.tv_sec) +
                             1e-9 * (double)(end.tv_nsec - start.tv_nsec));
        fflush(stdout);
    }
    jpeg_destroy_decompress(&decoder);
    return 0;
}

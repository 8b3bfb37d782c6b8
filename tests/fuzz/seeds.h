// Files to change: baseline ones with random coefficients, of every kind that the decoder takes.
#pragma once

#include <random>

#include "mutations.h"

// Any whole factors that an MCU has room for, restart intervals, Huffman tables as they are or made
// for the file, 8 and 16 bits of quantization, from one pixel to some MCUs; few and small
// coefficients up to many and large ones.
[[nodiscard]] Bytes random_jpeg(std::mt19937_64& random);

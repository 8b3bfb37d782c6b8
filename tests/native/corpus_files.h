// Files of the fuzzing corpus as inputs of operators.
#pragma once

#include <string>

#include "cases.h"
#include "jpeg/coefficients.h"

namespace jpegcompile {

// The bytes of corpus file NAME.jpg. Throws std::runtime_error if there is none.
Value bytes_of_file(const std::string& name);
Image image_in(const Value& bytes);
// Components [first, last), one after the other: [1, last - first, rows, columns, 8, 8].
Value plane_of(const Image& image, size_t first, size_t last);
// The first `count` tables: [1, count, 8, 8].
Value tables_of(const Image& image, size_t count);

}  // namespace jpegcompile

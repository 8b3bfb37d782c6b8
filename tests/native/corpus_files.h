// Files of the fuzzing corpus as inputs of operators.
#pragma once

#include <string>

#include "cases.h"
#include "jpeg/coefficients.h"

namespace jpegcompile {

// The bytes of corpus file NAME.jpg. Throws std::runtime_error where there is none.
Value bytes_of_file(const std::string& name);
Image image_in(const Value& bytes);
// Components from `first` to before `last`, one behind the other: [1, last - first, rows, columns, 8, 8].
Value plane_of(const Image& image, size_t first, size_t last);
// The tables of so many components: [1, count, 8, 8].
Value tables_of(const Image& image, size_t count);

}  // namespace jpegcompile

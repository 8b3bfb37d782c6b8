#include "jpeg/frame_arrays.h"

#include <jerror.h>

#include <cstring>
#include <utility>

namespace jpegcompile {

void FrameArrays::install(jpeg_decompress_struct& decoder) noexcept {
    decoder.mem->request_virt_barray = &FrameArrays::request;
    decoder.mem->access_virt_barray = &FrameArrays::access;
}

// Called from C frames, so it allocates without exceptions, and ERREXIT is a longjmp. `arrays_`
// owns its allocations and outlives the setjmp.
jvirt_barray_ptr FrameArrays::request(j_common_ptr decoder, int /*pool*/, boolean /*pre_zero*/,
                                      JDIMENSION columns, JDIMENSION rows,
                                      JDIMENSION /*max_access*/) {
    FrameArrays& frame = frame_arrays_of(decoder);
    if (frame.count_ == frame.arrays_.size()) {
        ERREXIT1(decoder, JERR_OUT_OF_MEMORY, 0);
    }
    BlockArray& array = frame.arrays_[frame.count_++];
    // Both dimensions are at most 65536 / 8 blocks, so the product cannot overflow.
    const std::size_t blocks = std::size_t{rows} * columns;
    array.coefficients = allocate_zeroed(blocks * block_bytes);
    array.rows.reset(static_cast<JBLOCKROW*>(std::calloc(rows, sizeof(JBLOCKROW))));
    if (array.coefficients == nullptr || array.rows == nullptr) {
        ERREXIT1(decoder, JERR_OUT_OF_MEMORY, 0);
    }
    array.row_count = rows;
    array.columns = columns;
    static_assert(sizeof(JBLOCK) == block_bytes);
    auto* first = reinterpret_cast<JBLOCKROW>(array.coefficients.get());
    for (JDIMENSION row = 0; row < rows; ++row) {
        array.rows[row] = first + std::size_t{row} * columns;
    }
    // libjpeg treats this as an opaque pointer and only passes it to `access`.
    return reinterpret_cast<jvirt_barray_ptr>(&array);
}

JBLOCKARRAY FrameArrays::access(j_common_ptr decoder, jvirt_barray_ptr array, JDIMENSION first_row,
                                JDIMENSION row_count, boolean /*writable*/) {
    auto& blocks = *reinterpret_cast<BlockArray*>(array);
    if (first_row > blocks.row_count || row_count > blocks.row_count - first_row) {
        ERREXIT(decoder, JERR_BAD_VIRTUAL_ACCESS);
    }
    return blocks.rows.get() + first_row;
}

CoefficientMemory FrameArrays::take(int index, std::size_t rows, std::size_t columns) noexcept {
    BlockArray& array = arrays_[static_cast<std::size_t>(index)];
    CoefficientMemory coefficients = std::move(array.coefficients);
    if (columns != array.columns) {
        const std::size_t row_size = columns * block_coefficients;
        const std::size_t padded_size = std::size_t{array.columns} * block_coefficients;
        std::int16_t* const start = coefficients.get();
        for (std::size_t row = 1; row < rows; ++row) {
            std::memmove(start + row * row_size, start + row * padded_size,
                         row_size * sizeof(std::int16_t));
        }
    }
    return coefficients;
}

}  // namespace jpegcompile

// The coefficient arrays of a frame, in memory that outlives the libjpeg decoder.
#pragma once

#include <cstdio>
// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>

#include "jpeg/coefficients.h"

namespace jpegcompile {

// libjpeg requests one "virtual array" of blocks per component from its memory manager and decodes
// into it. This class answers the requests through the method pointers of `jpeg_memory_mgr`.
// libjpeg then decodes directly into the memory that the caller receives, which avoids a second
// copy of the frame and half of the page faults.
class FrameArrays {
public:
    // Call this after jpeg_create_decompress. `frame_arrays_of` must find this object through
    // `decoder.client_data`, because the method pointers have no closure.
    void install(jpeg_decompress_struct& decoder) noexcept;

    // Returns the blocks of component `index` without libjpeg's padding to whole MCUs.
    [[nodiscard]] CoefficientMemory take(int index, std::size_t rows, std::size_t columns) noexcept;

private:
    struct Free {
        void operator()(void* memory) const noexcept { std::free(memory); }
    };
    struct BlockArray {
        CoefficientMemory coefficients;
        std::unique_ptr<JBLOCKROW[], Free> rows;
        JDIMENSION row_count = 0;
        JDIMENSION columns = 0;  // with padding
    };

    static jvirt_barray_ptr request(j_common_ptr decoder, int pool, boolean pre_zero,
                                    JDIMENSION columns, JDIMENSION rows, JDIMENSION max_access);
    static JBLOCKARRAY access(j_common_ptr decoder, jvirt_barray_ptr array, JDIMENSION first_row,
                              JDIMENSION row_count, boolean writable);

    std::array<BlockArray, 4> arrays_;
    std::size_t count_ = 0;
};

// Defined by the reader, which owns the decoder.
FrameArrays& frame_arrays_of(j_common_ptr decoder) noexcept;

}  // namespace jpegcompile

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

// libjpeg asks its memory manager for one "virtual array" of blocks a component and decodes into
// it. Answering those requests ourselves, through the method pointers of `jpeg_memory_mgr`, lets
// libjpeg decode straight into the memory that the caller receives: no second copy of the frame
// at the peak, and half of the page faults.
class FrameArrays {
public:
    // To be called after jpeg_create_decompress; `decoder.client_data` must lead to this object
    // through `frame_arrays_of`, because the method pointers carry no closure.
    void install(jpeg_decompress_struct& decoder) noexcept;

    // The blocks of component `index`, without libjpeg's padding to whole MCUs.
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

// Defined by the reader, whose decoder the arrays serve.
FrameArrays& frame_arrays_of(j_common_ptr decoder) noexcept;

}  // namespace jpegcompile

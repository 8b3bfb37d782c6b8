// NumPy arrays over memory that C++ allocated.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <initializer_list>
#include <memory>
#include <utility>

namespace jpegcompile {

// Returns an array over `memory`. The memory lives as long as any array that shares it.
template <typename Memory>
nanobind::object array_over(Memory memory, std::initializer_list<std::size_t> shape) {
    auto holder = std::make_unique<Memory>(std::move(memory));
    auto* const data = holder->get();
    const nanobind::capsule owner(holder.get(), [](void* held) noexcept {
        const std::unique_ptr<Memory> reclaimed(static_cast<Memory*>(held));
    });
    static_cast<void>(holder.release());  // the capsule owns it from here on
    using Scalar = typename Memory::element_type;
    const nanobind::ndarray<nanobind::numpy, Scalar> array(data, shape, owner);
    return nanobind::cast(array, nanobind::rv_policy::reference);
}

}  // namespace jpegcompile

#include "stand_in_objects.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace jpegcompile::ort {
namespace {

size_t size_of(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
      return 1;
    case ElementType::kUint16:
    case ElementType::kInt16:
      return 2;
    case ElementType::kInt64:
      return 8;
    default:
      return 4;
  }
}

size_t count_of(const std::vector<int64_t>& shape) {
  if (std::ranges::count(shape, 0) > 0) return 0;
  size_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, static_cast<size_t>(extent), &count)) {
      throw std::bad_alloc();
    }
  }
  return count;
}

}  // namespace

// Memory consists of 64-bit words, with one word and one element in front, so that no vector is
// aligned by chance.
Value::Value(ElementType element, std::vector<int64_t> extents)
    : type(element), shape(std::move(extents)), elements(count_of(shape)) {
  // The limit for hostile shapes.
  if (elements > size_t{1} << 26) throw std::bad_alloc();
  if (elements == 0) return;
  const size_t offset = 16 + size_of(type);
  memory = std::make_unique<std::byte[]>(offset + bytes());
  data = memory.get() + offset;
}

Value::Value(const Value& other) : Value(other.type, other.shape) {
  if (elements > 0) std::memcpy(data, other.data, bytes());
}

size_t Value::bytes() const { return elements * size_of(type); }

}  // namespace jpegcompile::ort

namespace jpegcompile::stand_in {
namespace {

std::atomic<int64_t> alive{0};
thread_local int64_t calls_until_failure = 0;
thread_local bool in_library = false;
thread_local std::vector<DeviceMemory> placed;
thread_local uintptr_t stream_of_thread = kStream;

}  // namespace

bool set_in_library(bool is_in) { return std::exchange(in_library, is_in); }

void count_alive(int64_t change) { alive.fetch_add(change, std::memory_order_relaxed); }

ort::Status* failure(const std::string& message) {
  return make<ort::Status>(ort::kFail, message);
}

ort::Status* planned_failure() {
  if (calls_until_failure == 0 || --calls_until_failure > 0) return nullptr;
  return failure("planned failure");
}

void begin_run() { placed.clear(); }

void* place_on_device(const std::string& name, size_t bytes) {
  static std::atomic<uintptr_t> next{uintptr_t{1} << 45};
  const uintptr_t address = next.fetch_add((bytes + 511) / 256 * 256);
  placed.push_back({name, address, bytes});
  return reinterpret_cast<void*>(address);
}

Value on_device(const std::string& name, ElementType type, std::vector<int64_t> shape) {
  Value made(type, {0});
  made.elements = ort::count_of(shape);
  made.shape = std::move(shape);
  if (made.elements > size_t{1} << 40) throw std::bad_alloc();
  made.data = made.elements == 0 ? nullptr : place_on_device(name, made.bytes());
  return made;
}

uintptr_t stream_in_use() { return stream_of_thread; }

int64_t fail_call(int64_t n) { return std::exchange(calls_until_failure, n); }

int64_t objects_alive() { return alive.load(std::memory_order_relaxed); }

bool is_in_library() { return in_library; }

const std::vector<DeviceMemory>& device_memory() { return placed; }

void use_stream(uintptr_t stream) { stream_of_thread = stream; }

bool is_on_device(const ort::CustomOp& op) {
  return std::string_view(op.get_execution_provider(&op)) == "CUDAExecutionProvider";
}

}  // namespace jpegcompile::stand_in

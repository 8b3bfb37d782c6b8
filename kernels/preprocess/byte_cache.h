// A thread-safe cache with a limit in bytes. It evicts the least recently used values.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace jpegcompile {

// `Value` must have a method `bytes()`, the memory that it occupies.
template <typename Key, typename Hash, typename Value>
class ByteCache {
 public:
  explicit ByteCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Returns the value of a key. On a miss, calls `make()` and caches the result. Several threads
  // that miss at the same time may each call `make()`.
  template <typename Make>
  std::shared_ptr<const Value> get(const Key& key, const Make& make) {
    {
      const std::scoped_lock lock(mutex_);
      if (const auto found = places_.find(key); found != places_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->value;
      }
    }
    auto made = std::make_shared<const Value>(make());
    const std::scoped_lock lock(mutex_);
    keep(key, made);
    return made;
  }

 private:
  struct Entry {
    Key key;
    std::shared_ptr<const Value> value;
  };

  void keep(const Key& key, std::shared_ptr<const Value> value) {
    const size_t size = kOverhead + value->bytes();
    if (size > max_bytes_ || places_.contains(key)) return;
    while (!entries_.empty() && bytes_ + size > max_bytes_) {
      bytes_ -= kOverhead + entries_.back().value->bytes();
      places_.erase(entries_.back().key);
      entries_.pop_back();
    }
    entries_.push_front({key, std::move(value)});
    try {
      places_.emplace(key, entries_.begin());
    } catch (...) {
      entries_.pop_front();
      throw;
    }
    bytes_ += size;
  }

  // Approximate bytes of an entry and its map node, without the value's own memory.
  static constexpr size_t kOverhead = sizeof(Entry) + sizeof(Key) + 64;

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> places_;
};

}  // namespace jpegcompile

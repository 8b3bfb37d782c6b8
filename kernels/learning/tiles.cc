#include "learning/tiles.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "tiles/dct.h"
#include "tiles/isa.h"
#include "tiles/tiles.h"
#include "tiles/transpose.h"

namespace jpegcompile {
namespace {

// A thread is not worth starting for less work.
constexpr std::int64_t kFewestFloats = 1 << 17;
// More than one, so that a thread that another program delays does not delay all.
constexpr std::int64_t kSharesOfThread = 4;

// Items first to last - 1 of a work. If channels come last, an item is a row of tiles of adjacent
// channels. Otherwise it is one vector of tiles: lanes are tiles that follow each other.
struct TileItems {
  const TileWork& work;
  std::int64_t first, last;
};

// Distances within a tile, in elements.
struct TileStrides {
  std::int64_t row, column;
};

// Where the lanes of a vector are.
template <typename V>
struct Lanes {
  std::int64_t place[kWidth<V>];  // of the first element of each lane's tile
  std::int64_t count;             // lanes in use
  bool is_adjacent;               // whether all lanes are in use and adjacent in memory
};

// A byte for each lane of a vector.
using Flags4 = std::uint8_t __attribute__((vector_size(4)));
using Flags8 = std::uint8_t __attribute__((vector_size(8)));
using Flags16 = std::uint8_t __attribute__((vector_size(16)));
template <typename V>
struct FlagsOf;
template <>
struct FlagsOf<Float4> {
  using Type = Flags4;
};
template <>
struct FlagsOf<Float8> {
  using Type = Flags8;
};
template <>
struct FlagsOf<Float16> {
  using Type = Flags16;
};
template <typename V>
using Flags = typename FlagsOf<V>::Type;

std::int64_t items_of(const TileWork& work, std::int64_t lanes) {
  const auto rows = work.images * work.height / work.block;
  const auto across = work.is_channels_last ? work.channels : work.width / work.block;
  if (work.is_channels_last) return rows * ((across + lanes - 1) / lanes);
  return (rows * work.channels * across + lanes - 1) / lanes;
}

// Whether vectors of a tile of planes can be transposed in registers.
template <int B, typename V>
inline constexpr bool kTransposes = B * B >= kWidth<V>;

// Elements of a tile of planes, kWidth<V> of each lane at a time: `kPiece` are adjacent in memory.
template <int B, typename V>
struct Chunk {
  static constexpr int kPiece = B < kWidth<V> ? B : kWidth<V>;
  static constexpr int kPieces = kWidth<V> / kPiece;
  static constexpr int kCount = B * B / kWidth<V>;

  // The place of a piece in memory.
  static std::int64_t place(const TileStrides& at, int chunk, int piece) {
    const int element = chunk * kWidth<V> + piece * kPiece;
    return element / B * at.row + element % B;
  }
  static V& element(V (&tile)[B][B], int chunk, int i) {
    const int index = chunk * kWidth<V> + i;
    return tile[index / B][index % B];
  }
};

template <int B, typename V>
JPEGCOMPILE_INLINE void load_planes(const float* from, const TileStrides& at, const Lanes<V>& lanes,
                                     V (&tile)[B][B]) {
  using Chunks = Chunk<B, V>;
  for (int chunk = 0; chunk < Chunks::kCount; ++chunk) {
    float elements[kWidth<V>][kWidth<V>];
#pragma GCC unroll 16
    for (int lane = 0; lane < kWidth<V>; ++lane) {
#pragma GCC unroll 4
      for (int piece = 0; piece < Chunks::kPieces; ++piece) {
        __builtin_memcpy(elements[lane] + piece * Chunks::kPiece,
                         from + lanes.place[lane] + Chunks::place(at, chunk, piece),
                         sizeof(float) * Chunks::kPiece);
      }
    }
    V lines[kWidth<V>];
    __builtin_memcpy(&lines, elements, sizeof(lines));
    transpose(lines);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth<V>; ++i) Chunks::element(tile, chunk, i) = lines[i];
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void store_planes(float* to, const TileStrides& at, const Lanes<V>& lanes,
                                     V (&tile)[B][B]) {
  using Chunks = Chunk<B, V>;
  for (int chunk = 0; chunk < Chunks::kCount; ++chunk) {
    V lines[kWidth<V>];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth<V>; ++i) lines[i] = Chunks::element(tile, chunk, i);
    transpose(lines);
    float elements[kWidth<V>][kWidth<V>];
    __builtin_memcpy(elements, &lines, sizeof(lines));
#pragma GCC unroll 16
    for (int lane = 0; lane < kWidth<V>; ++lane) {
#pragma GCC unroll 4
      for (int piece = 0; piece < Chunks::kPieces; ++piece) {
        __builtin_memcpy(to + lanes.place[lane] + Chunks::place(at, chunk, piece),
                         elements[lane] + piece * Chunks::kPiece, sizeof(float) * Chunks::kPiece);
      }
    }
  }
}

// Loads one tile of `count` lanes; the other lanes are zero.
template <int B, typename V>
JPEGCOMPILE_INLINE void load_tile(const float* from, const TileStrides& at, const Lanes<V>& lanes,
                                  V (&tile)[B][B]) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        tile[row][column] = load<V>(from + lanes.place[0] + row * at.row + column * at.column);
      }
    }
    return;
  }
  if constexpr (kTransposes<B, V>) {
    if (at.column == 1 && lanes.count == kWidth<V>) return load_planes(from, at, lanes, tile);
  }
  float elements[B][B][kWidth<V>] = {};
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        elements[row][column][lane] =
            from[lanes.place[lane] + row * at.row + column * at.column];
      }
    }
  }
  __builtin_memcpy(&tile, elements, sizeof(tile));
}

template <int B, typename V>
JPEGCOMPILE_INLINE void store_tile(float* to, const TileStrides& at, const Lanes<V>& lanes,
                                   V (&tile)[B][B]) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        store(to + lanes.place[0] + row * at.row + column * at.column, tile[row][column]);
      }
    }
    return;
  }
  if constexpr (kTransposes<B, V>) {
    if (at.column == 1 && lanes.count == kWidth<V>) return store_planes(to, at, lanes, tile);
  }
  float elements[B][B][kWidth<V>];
  __builtin_memcpy(elements, &tile, sizeof(tile));
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        to[lanes.place[lane] + row * at.row + column * at.column] =
            elements[row][column][lane];
      }
    }
  }
}

template <int B, bool Inverse, typename V>
JPEGCOMPILE_INLINE void transform(V (&tile)[B][B]) {
  for (int row = 0; row < B; ++row) transform_line<B, Inverse>(tile[row]);
  for (int column = 0; column < B; ++column) {
    V line[B];
    load_column(tile, column, line);
    transform_line<B, Inverse>(line);
    store_column(tile, column, line);
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void keep_band(int frequencies, V (&tile)[B][B]) {
  if (frequencies == 2 * B - 1) return;
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      if (row + column >= frequencies) tile[row][column] = V{};
    }
  }
}

// Flags of one element: 1 where `rough` is not positive. NaN counts as positive.
template <typename V>
JPEGCOMPILE_INLINE Flags<V> flags_of(const V& rough) {
  return -__builtin_convertvector(rough <= V{}, Flags<V>);
}

// The flags of a tile.
template <int B, typename V>
using TileFlags = Flags<V>[B][B];

template <int B, typename V>
JPEGCOMPILE_INLINE void store_flags(std::uint8_t* to, const TileStrides& at, const Lanes<V>& lanes,
                                    const TileFlags<B, V>& flags) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
      for (int column = 0; column < B; ++column) {
        __builtin_memcpy(to + lanes.place[0] + row * at.row + column * at.column,
                         &flags[row][column], sizeof(Flags<V>));
      }
    }
    return;
  }
  std::uint8_t bytes[B][B][kWidth<V>];
  __builtin_memcpy(bytes, &flags, sizeof(bytes));
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        to[lanes.place[lane] + row * at.row + column * at.column] = bytes[row][column][lane];
      }
    }
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void load_flags(const std::uint8_t* from, const TileStrides& at,
                                   const Lanes<V>& lanes, TileFlags<B, V>& flags) {
  if (lanes.is_adjacent) {
    for (int row = 0; row < B; ++row) {
      for (int column = 0; column < B; ++column) {
        __builtin_memcpy(&flags[row][column],
                         from + lanes.place[0] + row * at.row + column * at.column,
                         sizeof(Flags<V>));
      }
    }
    return;
  }
  std::uint8_t bytes[B][B][kWidth<V>] = {};
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < B; ++column) {
        bytes[row][column][lane] = from[lanes.place[lane] + row * at.row + column * at.column];
      }
    }
  }
  __builtin_memcpy(&flags, bytes, sizeof(bytes));
}

// The slope 0 makes zeros of infinite pixels, too.
template <typename V>
JPEGCOMPILE_INLINE V scaled(const V& pixel, float slope) {
  return slope != 0 ? pixel * slope : V{};
}

// Multiplies the pixels of a tile by the slope where the approximation is not positive.
template <int B, typename V>
JPEGCOMPILE_INLINE void mask_tile(float slope, const V (&rough)[B][B], V (&pixels)[B][B],
                                  TileFlags<B, V>& flags) {
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      const V seen = rough[row][column];
      V& pixel = pixels[row][column];
      flags[row][column] = flags_of(seen);
      pixel = seen <= V{} ? scaled(pixel, slope) : pixel;
    }
  }
}

// Multiplies the flagged pixels of a tile by the slope.
template <int B, typename V>
JPEGCOMPILE_INLINE void scale_flagged(float slope, const TileFlags<B, V>& flags,
                                      V (&pixels)[B][B]) {
  using Integers = decltype(pixels[0][0] <= pixels[0][0]);
  for (int row = 0; row < B; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < B; ++column) {
      const Integers wide = __builtin_convertvector(flags[row][column], Integers);
      V& pixel = pixels[row][column];
      pixel = wide != Integers{} ? scaled(pixel, slope) : pixel;
    }
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void work_on_tile(const TileWork& work, const TileStrides& at,
                                     const Lanes<V>& lanes) {
  V tile[B][B];
  load_tile(work.from, at, lanes, tile);
  switch (work.step) {
    case TileStep::kForward:
      transform<B, false>(tile);
      keep_band(work.frequencies, tile);
      break;
    case TileStep::kInverse:
      keep_band(work.frequencies, tile);
      transform<B, true>(tile);
      break;
    case TileStep::kProject:
      transform<B, false>(tile);
      keep_band(work.frequencies, tile);
      transform<B, true>(tile);
      break;
    case TileStep::kRelu: {
      TileFlags<B, V> flags;
      if (work.frequencies == 2 * B - 1) {
        transform<B, true>(tile);
        mask_tile<B, V>(work.slope, tile, tile, flags);
      } else {
        V rough[B][B];
        __builtin_memcpy(&rough, &tile, sizeof(tile));
        keep_band(work.frequencies, rough);
        transform<B, true>(rough);
        transform<B, true>(tile);
        mask_tile<B, V>(work.slope, rough, tile, flags);
      }
      store_flags<B, V>(work.mask, at, lanes, flags);
      transform<B, false>(tile);
      break;
    }
    case TileStep::kMasked: {
      TileFlags<B, V> flags;
      load_flags<B, V>(work.mask, at, lanes, flags);
      transform<B, true>(tile);
      scale_flagged<B, V>(work.slope, flags, tile);
      transform<B, false>(tile);
      break;
    }
  }
  store_tile(work.to, at, lanes, tile);
}

// One row of tiles of adjacent channels.
template <int B, typename V>
JPEGCOMPILE_INLINE void work_on_channels(const TileWork& work, std::int64_t item) {
  const std::int64_t vectors = (work.channels + kWidth<V> - 1) / kWidth<V>;
  const std::int64_t first = item % vectors * kWidth<V>, row = item / vectors;
  const TileStrides at{work.width * work.channels, work.channels};
  Lanes<V> lanes;
  lanes.count = std::min<std::int64_t>(kWidth<V>, work.channels - first);
  lanes.is_adjacent = lanes.count == kWidth<V>;
  for (std::int64_t column = 0; column < work.width; column += B) {
    const std::int64_t place = row * B * at.row + column * at.column + first;
    for (int lane = 0; lane < kWidth<V>; ++lane) lanes.place[lane] = place + lane;
    work_on_tile<B, V>(work, at, lanes);
  }
}

// A vector of tiles that follow each other; rows of tiles follow each other across planes, too.
template <int B, typename V>
JPEGCOMPILE_INLINE void work_on_planes(const TileWork& work, std::int64_t item) {
  const std::int64_t across = work.width / B, first = item * kWidth<V>;
  const std::int64_t tiles = work.images * work.channels * (work.height / B) * across;
  std::int64_t column = first % across, row = first / across;
  Lanes<V> lanes;
  lanes.count = std::min<std::int64_t>(kWidth<V>, tiles - first);
  lanes.is_adjacent = false;
  for (int lane = 0; lane < kWidth<V>; ++lane) {
    lanes.place[lane] = (row * work.width + column) * B;
    if (++column == across) column = 0, ++row;
  }
  work_on_tile<B, V>(work, TileStrides{work.width, 1}, lanes);
}

template <int B, typename Isa>
struct TilesOf {
  JPEGCOMPILE_INLINE static void run(const TileItems& items) {
    using V = typename Isa::Vector;
    for (std::int64_t item = items.first; item < items.last; ++item) {
      if (items.work.is_channels_last) {
        work_on_channels<B, V>(items.work, item);
      } else {
        work_on_planes<B, V>(items.work, item);
      }
    }
  }
};

template <typename Isa>
JPEGCOMPILE_INLINE void body(const TileItems& items) {
  for_block<TilesOf, Isa>(items.work.block, items);
}

JPEGCOMPILE_MULTIVERSION(run_items, body, TileItems)

// Parts of a work that threads take one after another, as each has time.
struct Shares {
  const TileWork& work;
  std::int64_t items;
  std::int64_t count;
  std::atomic<std::int64_t> taken = 0;

  void run() {
    for (std::int64_t share; (share = taken.fetch_add(1)) < count;) {
      run_items({work, items * share / count, items * (share + 1) / count});
    }
  }
};

int vector_of_machine() {
#if defined(__x86_64__)
  switch (machine_isa()) {
    case Isa::kAvx512:
      return kWidth<Avx512::Vector>;
    case Isa::kAvx2:
      return kWidth<Avx2::Vector>;
    case Isa::kPlain:
      break;
  }
#endif
  return kWidth<Plain::Vector>;
}

}  // namespace

void run_tiles(const TileWork& work, std::size_t threads, Team team) {
  const std::int64_t items = items_of(work, vector_of_machine());
  const std::int64_t floats = work.images * work.channels * work.height * work.width;
  const auto most = std::max<std::int64_t>(1, static_cast<std::int64_t>(threads));
  const auto workers = std::clamp<std::int64_t>(floats / kFewestFloats, 1, most);
  if (workers == 1) {
    run_items({work, 0, items});
    return;
  }
  Shares shares{work, items, std::min(items, workers * kSharesOfThread)};
  if (team != nullptr) {
    team([](void* all) { static_cast<Shares*>(all)->run(); }, &shares,
         static_cast<unsigned>(workers), 0);
    return;
  }
  std::vector<std::jthread> helpers;  // joined when they go out of scope
  try {
    for (std::int64_t started = 1; started < workers; ++started) {
      helpers.emplace_back([&] { shares.run(); });
    }
  } catch (const std::system_error&) {
    // The system refuses to start more threads: this one does the work of the others.
  }
  shares.run();
}

}  // namespace jpegcompile

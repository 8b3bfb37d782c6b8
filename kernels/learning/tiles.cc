#include "learning/tiles.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "learning/tile_flags.h"
#include "learning/tile_lanes.h"
#include "tiles/dct.h"
#include "tiles/isa.h"
#include "tiles/tiles.h"

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

std::int64_t items_of(const TileWork& work, std::int64_t lanes) {
  const auto rows = work.images * work.height / work.block;
  const auto across = work.is_channels_last ? work.channels : work.width / work.block;
  if (work.is_channels_last) return rows * ((across + lanes - 1) / lanes);
  return (rows * work.channels * across + lanes - 1) / lanes;
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

template <int B, typename V>
JPEGCOMPILE_INLINE void work_on_tile(const TileWork& work, const TileStrides& at,
                                     const TileLanes<V>& lanes) {
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
  TileLanes<V> lanes;
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
  TileLanes<V> lanes;
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

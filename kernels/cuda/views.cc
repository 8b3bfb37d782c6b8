#include "cuda/views.h"

namespace jpegcompile::cuda {

View standing(int block, int64_t frequencies) {
  View view;
  view.block = block;
  view.is_rows = frequencies != 0 && frequencies != 2 * block - 1;
  return view;
}

View view_of(const Map& map, int block, DevicePointer data) {
  View view{data, map.image_floats(), map.pitch(), kLanes, map.group_floats(), 0, false,
            block, map.frequencies(block)};
  if (map.is_compact) {
    view.row = 0;
    view.kept = map.band.count();
    view.is_rows = true;
  }
  return view;
}

View channels_last(const Map& map, int block, DevicePointer data) {
  const int64_t stored = padded(map.channels);
  return {data, map.plane() * stored, map.width * stored, stored, kLanes, 0, false,
          block, 2 * block - 1};
}

int64_t channels_last_floats(const Map& map) {
  return map.batch * map.plane() * padded(map.channels);
}

void put_raster(Arguments& arguments, const ViewNames& names, const View& view) {
  arguments.integer(names.image, view.image);
  arguments.integer(names.row, view.row);
  arguments.integer(names.pixel, view.pixel);
  arguments.integer(names.group, view.group);
}

void put_view(Arguments& arguments, const ViewNames& names, const View& view) {
  put_raster(arguments, names, view);
  arguments.integer(names.kept, view.kept);
}

void put_tiles(Arguments& arguments, const Map& map, int block) {
  arguments.integer("rows", map.batch * map.plane());
  arguments.integer("channels", padded(map.channels));
  arguments.integer("log_block", log2_of(block));
  arguments.integer("tiles_y", map.height / block);
  arguments.integer("tiles_x", map.width / block);
}

}  // namespace jpegcompile::cuda

#include "ingest_conv/nonzeros.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace jpegcompile {
namespace {

// Appends the entries of a block.
class Writer {
 public:
  Writer(const Layer& layer, int64_t component, Nonzero* to)
      : to_(to),
        mode_(component * layer.component_modes()),
        columns_(layer.columns.modes()),
        floats_(layer.patch_floats()) {}

  void put(int64_t row, int64_t column, float value) {
    *to_ = {value, static_cast<int32_t>((mode_ + row * columns_ + column) * floats_)};
    to_ += value != 0 ? 1 : 0;
  }
  Nonzero* end() const { return to_; }

 private:
  Nonzero* to_;
  int64_t mode_, columns_, floats_;
};

// Tests four coefficients at a time, because most are zero.
void put_frequencies(const int16_t* quantized, const uint16_t* table, Writer& writer) {
  for (int64_t first = 0; first < kFrequencies * kFrequencies; first += 4) {
    uint64_t four;
    std::memcpy(&four, quantized + first, sizeof(four));
    if (four == 0) continue;
    for (int64_t index = first; index < first + 4; ++index) {
      writer.put(index / kFrequencies, index % kFrequencies,
                 static_cast<float>(quantized[index]) * static_cast<float>(table[index]));
    }
  }
}

// Writes the extra modes of a block at the border: the coefficients multiplied by the factors of
// its rows, its columns, or both.
void put_edges(const AxisModes::Edge* down, const AxisModes::Edge* across, const int16_t* quantized,
               const uint16_t* table, Writer& writer) {
  float block[kFrequencies][kFrequencies];
  for (int index = 0; index < kFrequencies * kFrequencies; ++index) {
    block[index / kFrequencies][index % kFrequencies] =
        static_cast<float>(quantized[index]) * static_cast<float>(table[index]);
  }
  const auto put_across = [&](int64_t row, const float* line) {
    for (size_t extra = 0; across != nullptr && extra < across->factors.size(); ++extra) {
      float sum = 0;
      for (size_t v = 0; v < kFrequencies; ++v) sum += line[v] * across->factors[extra][v];
      writer.put(row, across->first + static_cast<int64_t>(extra), sum);
    }
  };
  for (int64_t u = 0; u < kFrequencies; ++u) put_across(u, block[u]);
  for (size_t extra = 0; down != nullptr && extra < down->factors.size(); ++extra) {
    float line[kFrequencies] = {};
    for (size_t u = 0; u < kFrequencies; ++u) {
      for (int v = 0; v < kFrequencies; ++v) line[v] += block[u][v] * down->factors[extra][u];
    }
    const int64_t row = down->first + static_cast<int64_t>(extra);
    for (int64_t v = 0; v < kFrequencies; ++v) writer.put(row, v, line[v]);
    put_across(row, line);
  }
}

const AxisModes::Edge* edge_of(const AxisModes& axis, int64_t block) {
  const int edge = axis.edge_of[static_cast<size_t>(block)];
  return edge < 0 ? nullptr : &axis.edges[static_cast<size_t>(edge)];
}

}  // namespace

int64_t count_nonzeros(const int16_t* quantized, int64_t count) {
  int64_t zeros = 0;
  for (int64_t index = 0; index < count; index += kFrequencies * kFrequencies) {
    int16_t in_block = 0;
    for (int64_t place = index; place < index + kFrequencies * kFrequencies; ++place) {
      in_block = static_cast<int16_t>(in_block + (quantized[place] == 0 ? 1 : 0));
    }
    zeros += in_block;
  }
  return count - zeros;
}

void list_nonzeros(const Layer& layer, const QuantizedPlanes& planes, int64_t block_row,
                   Nonzero* nonzeros, int32_t* starts) {
  const int64_t columns = layer.columns.blocks;
  const AxisModes::Edge* down = edge_of(layer.rows, block_row);
  Nonzero* end = nonzeros;
  for (int64_t column = 0; column < columns; ++column) {
    starts[column] = static_cast<int32_t>(end - nonzeros);
    const AxisModes::Edge* across = edge_of(layer.columns, column);
    for (int64_t component = 0; component < layer.components; ++component) {
      const int64_t block = (component * layer.rows.blocks + block_row) * columns + column;
      const int16_t* quantized = planes.quantized + block * kFrequencies * kFrequencies;
      Writer writer(layer, component, end);
      put_frequencies(quantized, planes.tables[component], writer);
      // A block of zeros needs no extra modes.
      const bool has_edge = (down != nullptr || across != nullptr) && writer.end() != end;
      if (has_edge) put_edges(down, across, quantized, planes.tables[component], writer);
      end = writer.end();
    }
  }
  starts[columns] = static_cast<int32_t>(end - nonzeros);
}

}  // namespace jpegcompile

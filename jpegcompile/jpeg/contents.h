// What files that are no JPEG, or one of a kind that is not read, are, and what to do about them.
#pragma once

#include <span>
#include <string>

namespace jpegcompile {

// Why data that does not begin as a JPEG file is refused, from its first bytes: what it looks like,
// and behind a semicolon what to do, where that is more than to give another file.
[[nodiscard]] std::string refusal_of_contents(std::span<const unsigned char> start);

// Why a file is refused whose coding process (T.81, table B.1) has that marker: of a frame header,
// or another one that announces the process. Empty for markers that tell nothing.
[[nodiscard]] std::string refusal_of_process(int marker);

}  // namespace jpegcompile

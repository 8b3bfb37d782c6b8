// Explains files that are not JPEG files, and JPEG files of kinds that are not read.
#pragma once

#include <span>
#include <string>

namespace jpegcompile {

// Returns why data that does not begin like a JPEG file is refused, judged by its first bytes: the
// likely format and, after a semicolon, what to do if there is more to do than give another file.
[[nodiscard]] std::string refusal_of_contents(std::span<const unsigned char> start);

// Returns why a file with a marker of an unsupported coding process (T.81, table B.1) is refused.
// The marker is that of a frame header, or another marker of the process. Empty for all other
// markers.
[[nodiscard]] std::string refusal_of_process(int marker);

}  // namespace jpegcompile

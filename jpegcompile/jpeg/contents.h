// Explains files that are not JPEG files, and JPEG files of kinds that are not read.
#pragma once

#include <span>
#include <string>

namespace jpegcompile {

// Returns why data that does not begin like a JPEG file is refused: the likely format, judged by
// its first bytes. If there is better advice than to give another file, it follows a semicolon.
[[nodiscard]] std::string refusal_of_contents(std::span<const unsigned char> start);

// Returns why a file with a marker of an unsupported coding process (T.81, table B.1) is refused.
// The marker begins a frame header, or is another marker of the process. The result is empty for
// all other markers.
[[nodiscard]] std::string refusal_of_process(int marker);

}  // namespace jpegcompile

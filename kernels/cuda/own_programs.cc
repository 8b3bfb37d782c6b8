#include "cuda/own_programs.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "generated/programs.h"
#include "tiles/tensor.h"

namespace jpegcompile::cuda {
namespace {

// The steps of a kernel of pixelwise programs; null for other kernels.
const std::vector<Step>* steps_of(const Cubin& cubin) {
  if (cubin.kernel != "arithmetic.triton:elementwise") return nullptr;
  const auto found = cubin.constants.find("PROGRAM");
  return found == cubin.constants.end() ? nullptr : std::get_if<std::vector<Step>>(&found->second);
}

// Such as "Elu 0.5; Mul".
std::string text_of(const Program& program) {
  std::ostringstream text;
  for (const Step& step : program.steps) {
    text << (&step == program.steps.data() ? "" : "; ") << step.name;
    if (step.p != 0 || step.q != 0) text << ' ' << step.p;
    if (step.q != 0) text << ' ' << step.q;
  }
  return text.str();
}

}  // namespace

bool has_own_programs(const CubinFiles& files) {
  const std::vector<Program> known = library_programs();
  return files.any([&](const Cubin& cubin) {
    const std::vector<Step>* steps = steps_of(cubin);
    return steps != nullptr && !steps->empty() &&
           std::ranges::find(known, *steps, &Program::steps) == known.end();
  });
}

void require_program(const CubinFiles& files, const Program& program) {
  const bool has_kernel = files.any([&](const Cubin& cubin) {
    const std::vector<Step>* steps = steps_of(cubin);
    return steps != nullptr && *steps == program.steps;
  });
  if (has_kernel) return;
  throw KernelError(files.path() + ": does not contain the function '" + text_of(program) +
                    "'; compile the kernels of this model, or run the model on the CPU");
}

}  // namespace jpegcompile::cuda

// Checks that apply to every case.
#pragma once

#include <functional>
#include <vector>

#include "cases.h"

namespace jpegcompile {

// The node of a case, including the inputs that are constants.
stand_in::Node node_of(const Case& one);
std::vector<const Value*> inputs_of(const Case& one);

// Every output of a case, computed by one thread.
using Outputs = std::vector<Value>;
Outputs run_alone(const Case& one, const ort::CustomOp& op);

// Each throws std::runtime_error with a description of the failure.

// The result equals the expected one, and the tolerance is small relative to its values.
void check_result(const Case& one, const Outputs& result);

// Several threads run one kernel on one pool, and kernels of their own. All get the bits of
// `alone`.
void check_threads(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// Kernels of all these cases run at once, in threads with pools of their own and on a shared pool.
// All get the bits that they get alone.
struct Planned {
  const ort::CustomOp& op;
  const Case& one;
};
void check_together(const std::vector<Planned>& planned);

// NaNs in the first image, or many large coefficients, leave the other images as in `alone`.
void check_images(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// A first convolution returns the expected result on both paths. The images of `alone` use the path
// that the bound on sparse sums selects.
void check_ways(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// Invalid cases are rejected with a status that names operator and cause, to several threads at
// once.
void check_refusals(const Case& one, const ort::CustomOp& op);

// Whichever call of the interface fails, the library reports it, or works without it, and releases
// its resources.
void check_failures(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// A second call of a kernel allocates nothing, unless the case allows it. Checked only with the
// sanitizers.
void check_allocations(const Case& one, const ort::CustomOp& op);

// Invalid shapes and attributes, and sizes beyond 64 bits, are rejected or computed without faults.
// Returns how many were rejected.
int64_t check_hostile(const Case& one, const ort::CustomOp& op, uint64_t seed, int64_t rounds);

// Registration of operators, in a process that has not registered them yet.
void check_registration();

// Numbers in texts are read alike in every locale.
void check_number_text();

// Threads divide work correctly: all items once, stage by stage, even if a thread is late.
void check_stages();

// When unused memory is released, and when not.
void check_workspace();

}  // namespace jpegcompile

// What has to hold of every case.
#pragma once

#include <functional>
#include <vector>

#include "cases.h"

namespace jpegcompile {

// The node of a case: its inputs that are constants are in it.
stand_in::Node node_of(const Case& one);
std::vector<const Value*> inputs_of(const Case& one);

// Every output of a case, made by one thread.
using Outputs = std::vector<Value>;
Outputs run_alone(const Case& one, const ort::CustomOp& op);

// Each throws std::runtime_error that says what does not hold.

// The kernel's result is the expected one, and the tolerance small beside its values.
void check_result(const Case& one, const Outputs& result);

// Several threads that run one kernel on one pool, and kernels of their own, get the bits of
// `alone`.
void check_threads(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// Kernels of all these cases run at once in threads with pools of their own and on a common one,
// and get the bits they get alone.
struct Planned {
  const ort::CustomOp& op;
  const Case& one;
};
void check_together(const std::vector<Planned>& planned);

// What is not a number in the first image, or what are many and large coefficients, leaves the others
// as in `alone`.
void check_images(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// A first convolution gives the expected result by either way, and the images of `alone` are those of
// the way that the bound on sparse sums asks for.
void check_ways(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// What has to be refused is, by a status that names the operator and the cause, to several threads at
// once.
void check_refusals(const Case& one, const ort::CustomOp& op);

// Whichever call of the interface fails, the library says so, or does without it, and gives back
// what it was given.
void check_failures(const Case& one, const ort::CustomOp& op, const Outputs& alone);

// A second call of a kernel allocates nothing, unless the case says that it may. Only the sanitizers
// can tell.
void check_allocations(const Case& one, const ort::CustomOp& op);

// Shapes and attributes that make no sense, or whose sizes do not fit into 64 bits, are refused or
// taken, and nothing else. Returns how many were refused.
int64_t check_hostile(const Case& one, const ort::CustomOp& op, uint64_t seed, int64_t rounds);

// What registering operators has to do, in a process where they have not been registered yet.
void check_registration();

// Numbers in texts are read alike in every locale.
void check_number_text();

// How threads share out work: all items once, stage by stage, whoever is late.
void check_stages();

// When kept memory is given back, and when not.
void check_workspace();

}  // namespace jpegcompile

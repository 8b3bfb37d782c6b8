#include <thread>

#include "check.h"

namespace jpegcompile {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("registration: " + what);
}

// Whether registration fails if the n-th call of the interface fails.
bool is_refused(int64_t call) {
  stand_in::fail_call(call);
  bool refused = false;
  try {
    static_cast<void>(stand_in::registered(stand_in::base_of(ort::kApiVersion)));
  } catch (const stand_in::Refused&) {
    refused = true;
  }
  stand_in::fail_call(0);
  return refused;
}

}  // namespace

void check_registration() {
  // An older runtime gets no operators: models run by their function bodies.
  require(stand_in::registered(stand_in::base_of(16)).empty(), "an older runtime got operators");
  // A failure in between leaves nothing that a later session would mistake for all operators.
  for (const int64_t call : {1, 2, 3, 40}) require(is_refused(call), "a failure is not told");
  require(stand_in::objects_alive() == 0, "a domain that was given up is not released");
  const ort::ApiBase* base = stand_in::base_of(ort::kApiVersion);
  std::vector<std::vector<const ort::CustomOp*>> seen(4);
  std::vector<std::thread> threads;
  for (auto& ops : seen) threads.emplace_back([&] { ops = stand_in::registered(base); });
  for (auto& thread : threads) thread.join();
  for (const auto& ops : seen) require(ops == seen[0], "sessions got different operators");
  require(seen[0].size() > 40, "operators are missing");
  // All sessions share one operator domain, which exists until the process ends.
  require(stand_in::objects_alive() == 1, "each session makes a domain");
}

}  // namespace jpegcompile

#include "stand_in.h"

#include <utility>

#include "stand_in_objects.h"

namespace jpegcompile::stand_in {

using namespace ort;

namespace {

void require(Status* status) {
  if (status == nullptr) return;
  const std::string message = status->message;
  release(status);
  throw Refused(message);
}

}  // namespace

const ApiBase* base_of(uint32_t version) {
  // The functions cannot otherwise know which version they are asked for.
  static constexpr ApiBase kThis{
      [](uint32_t asked) { return asked <= kApiVersion ? &table() : nullptr; },
      [] { return "1.17.0"; }};
  static constexpr ApiBase kOlder{[](uint32_t) -> const Api* { return nullptr; },
                                  [] { return "1.16.3"; }};
  return version >= kApiVersion ? &kThis : &kOlder;
}

std::vector<const CustomOp*> registered(const ApiBase* base,
                                        const std::map<std::string, std::string>& entries) {
  SessionOptions options{entries, {}};
  require(RegisterCustomOps(&options, base));
  std::vector<const CustomOp*> ops;
  for (const CustomOpDomain* domain : options.domains) {
    if (domain->name != "jpegcompile") throw std::logic_error("domain " + domain->name);
    ops.insert(ops.end(), domain->ops.begin(), domain->ops.end());
  }
  return ops;
}

Kernel::Kernel(const CustomOp& op, const Node& node) : op_(op) {
  const KernelInfo info{node};
  require([&] {
    const Passage enters(true);
    return op.create_kernel_v2(&op, &table(), &info, &kernel_);
  }());
}

Kernel::~Kernel() { op_.destroy(kernel_); }

std::vector<Value> Kernel::run(const std::vector<const Value*>& inputs, Pool& pool) const {
  bool fits = inputs.size() == op_.get_input_count(&op_);
  for (size_t index = 0; fits && index < inputs.size(); ++index) {
    fits = static_cast<int>(inputs[index]->type) == op_.get_input_type(&op_, index);
  }
  if (!fits) throw std::logic_error(std::string(op_.get_name(&op_)) + " does not take these");
  const bool on_device = is_on_device(op_);
  std::vector<Value> copies;
  std::vector<const Value*> taken = inputs;
  begin_run();
  copies.reserve(inputs.size());
  for (size_t index = 0; on_device && index < inputs.size(); ++index) {
    if (op_.get_input_memory_type(&op_, index) == kOnHost) continue;
    copies.push_back(stand_in::on_device("input " + std::to_string(index), inputs[index]->type,
                                         inputs[index]->shape));
    taken[index] = &copies.back();
  }
  KernelContext context{op_, taken, {}, pool, {}};
  context.outputs.resize(op_.get_output_count(&op_));
  require([&] {
    const Passage enters(true);
    return op_.compute_v2(kernel_, &context);
  }());
  std::vector<Value> outputs;
  for (const auto& output : context.outputs) {
    if (!output) throw std::logic_error("a kernel did not make an output");
    outputs.push_back(std::move(*output));
  }
  return outputs;
}

}  // namespace jpegcompile::stand_in

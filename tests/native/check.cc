#include "check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>

namespace jpegcompile {
namespace {

using stand_in::Kernel;
using stand_in::Pool;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

bool equal(const Value& a, const Value& b) {
  return a.type == b.type && a.shape == b.shape &&
         (a.elements == 0 || std::memcmp(a.data, b.data, a.bytes()) == 0);
}

bool equal(const Outputs& a, const Outputs& b) {
  return std::ranges::equal(a, b, [](const Value& x, const Value& y) { return equal(x, y); });
}

// Whether images from `first` on have the same bytes in both.
bool equal_images(const Value& a, const Value& b, const Order& order, size_t first, size_t count) {
  const size_t each = order.image_elements(a) * sizeof(float);
  return std::memcmp(a.as<char>() + first * each, b.as<char>() + first * each, count * each) == 0;
}

// Whether a truncation removes an element of the result.
bool is_beyond(const Case& one, size_t index) {
  if (one.frequencies == 0) return false;
  const auto width = static_cast<size_t>(one.expected.width);
  const auto block = static_cast<size_t>(one.y_order.block);
  const size_t row = index / width % static_cast<size_t>(one.expected.height);
  return row % block + index % width % block >= static_cast<size_t>(one.frequencies);
}

// Stores the first exception of several threads.
class Threads {
 public:
  void start(const std::function<void()>& work) {
    threads_.emplace_back([this, work] {
      try {
        work();
      } catch (...) {
        const std::scoped_lock lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    });
  }
  void join() {
    for (auto& thread : threads_) thread.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::exception_ptr error_;
};

// Runs an action repeatedly; each time another call of the interface fails.
void for_failures(const Case& one, const std::function<void()>& action) {
  const int64_t before = stand_in::objects_alive();
  for (int64_t call = 1;; ++call) {
    std::string message = one.op;
    stand_in::fail_call(call);
    try {
      action();
    } catch (const stand_in::Refused& refused) {
      message = refused.what();
    }
    const bool never_came = stand_in::fail_call(0) > 0;
    require(stand_in::objects_alive() == before, "something is not released");
    require(message.starts_with(one.op), "a refusal says '" + message + "'");
    if (never_came) return;
  }
}

}  // namespace

stand_in::Node node_of(const Case& one) {
  stand_in::Node node{"a node", one.attributes, {}};
  for (size_t index = 0; index < one.inputs.size(); ++index) {
    node.constants.push_back(one.constants.contains(index) ? &one.inputs[index] : nullptr);
  }
  return node;
}

std::vector<const Value*> inputs_of(const Case& one) {
  std::vector<const Value*> inputs;
  for (const Value& input : one.inputs) inputs.push_back(&input);
  return inputs;
}

Outputs run_alone(const Case& one, const ort::CustomOp& op) {
  Pool pool(1);
  return Kernel(op, node_of(one)).run(inputs_of(one), pool);
}

void check_result(const Case& one, const Outputs& result) {
  if (!one.exact.empty()) return require(equal(result, one.exact), "the result is another");
  const Map& expected = one.expected;
  require(result.at(0).shape == std::vector<int64_t>{expected.batch, expected.channels, expected.height,
                                               expected.width},
          "the result has another shape");
  const Map actual = map_of(result[0], one.y_order);
  size_t unchecked = 0, kept = 0;
  double squares = 0;
  for (size_t index = 0; index < expected.values.size(); ++index) {
    const double value = expected.values[index];
    if (is_beyond(one, index)) {
      require(actual.values[index] == 0, "element " + std::to_string(index) + " is " +
                                             std::to_string(actual.values[index]) +
                                             " beyond the band");
      continue;
    }
    ++kept;
    if (std::isnan(value)) {
      ++unchecked;
      continue;
    }
    squares += value * value;
    const double difference = std::abs(actual.values[index] - value);
    // Not `difference > ...`, because an element that was not written is NaN.
    require(difference <= one.allowed, "element " + std::to_string(index) + " is " +
                                           std::to_string(actual.values[index]) + ", not " +
                                           std::to_string(value));
  }
  if (expected.values.empty()) return;
  require(unchecked * 4 <= kept, "too little of the result is certain");
  const double typical = std::sqrt(squares / static_cast<double>(kept));
  require(one.allowed <= typical / 16, "a tolerance of " + std::to_string(one.allowed) +
                                           " is large beside values of " +
                                           std::to_string(typical));
}

void check_refusals(const Case& one, const ort::CustomOp& op) {
  Pool pool(2);
  for (const Refusal& refusal : one.refusals) {
    Case changed = one;
    refusal.change(changed);
    const stand_in::Node node = node_of(changed);
    Threads threads;
    for (int caller = 0; caller < 2; ++caller) {
      threads.start([&] {
        std::string message = "nothing";
        try {
          static_cast<void>(Kernel(op, node).run(inputs_of(changed), pool));
        } catch (const stand_in::Refused& refused) {
          message = refused.what();
        }
        require(message.starts_with(one.op + " 'a node': ") &&
                    message.find(refusal.cause) != std::string::npos,
                "it says '" + message + "', not '" + refusal.cause + "'");
      });
    }
    threads.join();
  }
}

void check_threads(const Case& one, const ort::CustomOp& op, const Outputs& alone) {
  Pool pool(3);
  const stand_in::Node node = node_of(one);
  const auto inputs = inputs_of(one);
  const Kernel shared(op, node);
  Threads threads;
  for (int caller = 0; caller < 3; ++caller) {
    threads.start([&] {
      const Kernel own(op, node);
      for (const Kernel* kernel : {&shared, &own, &shared}) {
        require(equal(kernel->run(inputs, pool), alone), "threads change the result");
      }
    });
  }
  threads.join();
}

void check_together(const std::vector<Planned>& planned) {
  std::vector<stand_in::Node> nodes;
  for (const Planned& each : planned) nodes.push_back(node_of(each.one));
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::vector<Outputs> alone;
  Pool none(1), common(3);
  for (size_t index = 0; index < planned.size(); ++index) {
    kernels.push_back(std::make_unique<Kernel>(planned[index].op, nodes[index]));
    alone.push_back(kernels[index]->run(inputs_of(planned[index].one), none));
  }
  Threads threads;
  for (size_t caller = 0; caller < 4; ++caller) {
    threads.start([&, caller] {
      Pool own(2);
      for (size_t turn = 0; turn < planned.size(); ++turn) {
        // Two go up from different positions, two go down, so each meets all others.
        const size_t shift = turn + caller * planned.size() / 4;
        const size_t index =
            (caller % 2 == 0 ? shift : 2 * planned.size() - 1 - shift % planned.size()) %
            planned.size();
        const auto inputs = inputs_of(planned[index].one);
        Pool& pool = turn % 3 == 0 ? common : own;
        require(equal(kernels[index]->run(inputs, pool), alone[index]),
                planned[index].one.op + " gives another result beside others");
        const Kernel made(planned[index].op, nodes[index]);
      }
    });
  }
  threads.join();
}

void check_ways(const Case& one, const ort::CustomOp& op, const Outputs& alone) {
  if (one.is_sparse.empty()) return;
  const auto by_bound = [&](int64_t most) {
    Case changed = one;
    changed.attributes["sparse_vectors"] = most;
    Outputs result = run_alone(changed, op);
    check_result(one, result);
    return result;
  };
  const Outputs dense = by_bound(0), sparse = by_bound(int64_t{1} << 40);
  for (size_t image = 0; image < one.is_sparse.size(); ++image) {
    const auto is = [&](const Outputs& way) {
      return equal_images(alone[0], way[0], one.y_order, image, 1);
    };
    // The paths sum in different orders, so rounding distinguishes them.
    require(is(one.is_sparse[image] != 0 ? sparse : dense) &&
                !is(one.is_sparse[image] != 0 ? dense : sparse),
            "image " + std::to_string(image) + " goes the other way");
  }
}

void check_images(const Case& one, const ort::CustomOp& op, const Outputs& alone) {
  const Value& x = one.inputs.at(0);
  const bool is_float = x.type == stand_in::ElementType::kFloat;
  const auto batch = static_cast<size_t>(one.expected.batch);
  if (batch == 0 || (!is_float && x.type != stand_in::ElementType::kInt16)) return;
  Pool pool(1);
  const Kernel kernel(op, node_of(one));
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    Value changed(x);
    for (size_t index = 0; index < one.x_order.image_elements(x); index += 7) {
      if (is_float) {
        changed.as<float>()[index] = value;
      } else {
        changed.as<int16_t>()[index] = value > 0 ? INT16_MAX : INT16_MIN;
      }
    }
    auto inputs = inputs_of(one);
    inputs[0] = &changed;
    const Value result = std::move(kernel.run(inputs, pool).at(0));
    require(equal_images(result, alone[0], one.y_order, 1, batch - 1),
            "the first image changes the others");
  }
}

void check_failures(const Case& one, const ort::CustomOp& op, const Outputs& alone) {
  Pool pool(1);
  const stand_in::Node node = node_of(one);
  const auto inputs = inputs_of(one);
  const auto run = [&](const Kernel& kernel) {
    const Outputs result = kernel.run(inputs, pool);
    // An attribute that cannot be read may count as absent; then the layout changes.
    require(result[0].shape == alone[0].shape, "a failure changes the shape");
  };
  for_failures(one, [&] {
    const Kernel kernel(op, node);
    const int64_t left = stand_in::fail_call(0);
    if (left == 0) run(kernel);
    stand_in::fail_call(left);
  });
  const Kernel kernel(op, node);
  for_failures(one, [&] { run(kernel); });
}

}  // namespace jpegcompile

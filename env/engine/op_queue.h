// A first-in, first-out queue of operations, linked through themselves: it
// takes any number of them and allocates nothing.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "env/engine/io_op.h"

namespace rocksdb_uring {

// An operation is in one queue at most.
// REQUIRES: external synchronization.
class OpQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }

  void push_back(IoOp* op) {
    op->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = op;
    last_ = op;
    ++size_;
  }
  void push_front(IoOp* op) {
    op->next = first_;
    first_ = op;
    last_ = last_ == nullptr ? op : last_;
    ++size_;
  }
  // Null if it is empty.
  IoOp* front() const { return first_; }
  // REQUIRES: !empty().
  IoOp* pop_front() {
    IoOp* const op = first_;
    Unlink(nullptr, op);
    return op;
  }
  // Takes it out, wherever it is; false if it is not in this queue. Takes time
  // in proportion to its position.
  bool Remove(const IoOp* op) {
    IoOp* before = nullptr;
    for (IoOp* at = first_; at != nullptr; before = at, at = at->next) {
      if (at == op) {
        Unlink(before, at);
        return true;
      }
    }
    return false;
  }

 private:
  void Unlink(IoOp* before, IoOp* op) {
    (before == nullptr ? first_ : before->next) = op->next;
    if (last_ == op) {
      last_ = before;
    }
    --size_;
  }

  IoOp* first_ = nullptr;
  IoOp* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace rocksdb_uring

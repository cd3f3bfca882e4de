// A hash map whose copies are cheap: entries lie in buckets shared between copies, and a change copies one bucket and
// the array of bucket pointers. Values are shared pointers to immutable things. A copy belongs to one thread while it
// is changed; afterwards any thread reads it.
//
// Costs for n entries: copy of the map kBucketCount pointers, one change O(n / kBucketCount) pointers, lookup a binary
// search in one bucket; comparing a map with one that it was made from skips every shared bucket.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace weir::metadata {

// `Lookup` is the type by which keys are found without building a Key (std::string_view for std::string). Hash takes
// it.
template <class Key, class Value, class Lookup = Key, class Hash = std::hash<Lookup>>
class CowMap {
 public:
  using Pointer = std::shared_ptr<const Value>;
  struct Entry {
    Key key;
    Pointer value;
  };

  [[nodiscard]] std::size_t size() const { return size_; }

  [[nodiscard]] Pointer find(const Lookup& key) const {
    const auto* entry = locate(key);
    return entry == nullptr ? nullptr : entry->value;
  }
  // Valid as long as this map lives and is not changed.
  [[nodiscard]] const Value* peek(const Lookup& key) const {
    const auto* entry = locate(key);
    return entry == nullptr ? nullptr : entry->value.get();
  }

  // Inserts or replaces.
  void put(const Lookup& key, Pointer value) {
    auto changed = copy_of_bucket(key);
    const auto at = lower_bound(*changed, key);
    if (at != changed->end() && at->key == key) {
      at->value = std::move(value);
    } else {
      changed->insert(at, Entry{Key(key), std::move(value)});
      ++size_;
    }
    bucket_of(key) = std::move(changed);
  }

  void erase(const Lookup& key) {
    if (locate(key) == nullptr) return;
    auto changed = copy_of_bucket(key);
    changed->erase(lower_bound(*changed, key));
    --size_;
    bucket_of(key) = std::move(changed);
  }

  // Every entry, in no useful order: visit(const Key&, const Pointer&).
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& bucket : buckets_) {
      if (bucket == nullptr) continue;
      for (const auto& entry : *bucket) visit(entry.key, entry.value);
    }
  }

  // What differs by pointer: visit(const Key&, const Pointer& before, const Pointer& after), null where there is none.
  template <class Visit>
  static void for_each_difference(const CowMap& before, const CowMap& after, Visit&& visit) {
    static const Bucket kEmpty;
    for (std::size_t i = 0; i < kBucketCount; ++i) {
      if (before.buckets_[i] == after.buckets_[i]) continue;
      const Bucket& left = before.buckets_[i] ? *before.buckets_[i] : kEmpty;
      const Bucket& right = after.buckets_[i] ? *after.buckets_[i] : kEmpty;
      visit_differences(left, right, visit);
    }
  }

 private:
  using Bucket = std::vector<Entry>;  // ascending by key
  static constexpr std::size_t kBucketCount = 256;

  // The upper bits of a product: some of the hashes that come here vary in few of their low bits.
  static std::size_t index_of(const Lookup& key) {
    return static_cast<std::size_t>((std::uint64_t{Hash{}(key)} * 0x9E3779B97F4A7C15u) >> 56);
  }
  std::shared_ptr<const Bucket>& bucket_of(const Lookup& key) { return buckets_[index_of(key)]; }

  template <class B>
  static auto lower_bound(B& bucket, const Lookup& key) {
    return std::lower_bound(bucket.begin(), bucket.end(), key,
                            [](const Entry& entry, const Lookup& wanted) { return entry.key < wanted; });
  }

  [[nodiscard]] const Entry* locate(const Lookup& key) const {
    const auto& bucket = buckets_[index_of(key)];
    if (bucket == nullptr) return nullptr;
    const auto at = lower_bound(*bucket, key);
    return at != bucket->end() && at->key == key ? &*at : nullptr;
  }

  [[nodiscard]] std::shared_ptr<Bucket> copy_of_bucket(const Lookup& key) const {
    const auto& bucket = buckets_[index_of(key)];
    return bucket == nullptr ? std::make_shared<Bucket>() : std::make_shared<Bucket>(*bucket);
  }

  template <class Visit>
  static void visit_differences(const Bucket& left, const Bucket& right, Visit& visit) {
    const Pointer none;
    auto l = left.begin();
    auto r = right.begin();
    while (l != left.end() || r != right.end()) {
      if (r == right.end() || (l != left.end() && l->key < r->key)) {
        visit(l->key, l->value, none);
        ++l;
      } else if (l == left.end() || r->key < l->key) {
        visit(r->key, none, r->value);
        ++r;
      } else {
        if (l->value != r->value) visit(l->key, l->value, r->value);
        ++l;
        ++r;
      }
    }
  }

  std::array<std::shared_ptr<const Bucket>, kBucketCount> buckets_;
  std::size_t size_ = 0;
};

// Equal keys and equal values, whatever is shared.
template <class Key, class Value, class Lookup, class Hash>
bool operator==(const CowMap<Key, Value, Lookup, Hash>& a, const CowMap<Key, Value, Lookup, Hash>& b) {
  if (a.size() != b.size()) return false;
  bool equal = true;
  CowMap<Key, Value, Lookup, Hash>::for_each_difference(a, b, [&](const Key&, const auto& left, const auto& right) {
    equal = equal && left != nullptr && right != nullptr && *left == *right;
  });
  return equal;
}

}  // namespace weir::metadata

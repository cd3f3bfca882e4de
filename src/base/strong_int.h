// A number that knows where it came from: two StrongInts of different tags don't mix, and raw integers enter and leave
// only by name. Differences are plain integers (offset - offset = count).
#pragma once

#include <fmt/core.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace weir {

template <class Tag, class Rep_>
class StrongInt {
 public:
  using Rep = Rep_;

  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }

  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;
  friend constexpr StrongInt operator+(StrongInt a, Rep b) { return StrongInt(static_cast<Rep>(a.value_ + b)); }
  friend constexpr StrongInt operator-(StrongInt a, Rep b) { return StrongInt(static_cast<Rep>(a.value_ - b)); }
  friend constexpr Rep operator-(StrongInt a, StrongInt b) { return static_cast<Rep>(a.value_ - b.value_); }
  constexpr StrongInt& operator+=(Rep b) { return *this = *this + b; }
  constexpr StrongInt& operator++() { return *this += 1; }

 private:
  Rep value_{};
};

template <class T>
inline constexpr bool is_strong_int = false;
template <class Tag, class Rep>
inline constexpr bool is_strong_int<StrongInt<Tag, Rep>> = true;

}  // namespace weir

template <class Tag, class Rep>
struct std::hash<weir::StrongInt<Tag, Rep>> {
  std::size_t operator()(weir::StrongInt<Tag, Rep> number) const noexcept { return std::hash<Rep>{}(number.value()); }
};

// Prints as its number.
template <class Tag, class Rep>
struct fmt::formatter<weir::StrongInt<Tag, Rep>> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(weir::StrongInt<Tag, Rep> number, format_context& context) const {
    return fmt::format_to(context.out(), "{}", number.value());
  }
};

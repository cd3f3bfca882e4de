// Boost.JSON is a header library here: its definitions live in this one unit.
#include <boost/json/src.hpp>

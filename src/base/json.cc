// Boost.JSON's definitions, compiled here once.
#include <boost/json/src.hpp>

#pragma once

#include "actors/observe/http/http_route.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::observe {

/// Why the value is none for that parameter, as a sentence, or empty.
std::string parameter_fault(const http_parameter& parameter, std::string_view value);

/// Reads "a=b&c=d" into `out`, decoded and checked: a name that the route does not know, one
/// that comes twice or one that is missing is refused with a sentence.
std::string read_query(std::string_view query, const std::vector<http_parameter>& known,
                       std::map<std::string, std::string, std::less<>>& out);

}  // namespace troupe::observe

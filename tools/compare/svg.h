// Puts a drawing of gnuplot into a HTML page.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_SVG_H_
#define ROCKSDB_URING_TOOLS_COMPARE_SVG_H_

#include <string>

namespace rocksdb_uring {

// gnuplot's file as an element: without prolog and namespaces, with ids that
// are unique in the page, and with `title` for screen readers.
std::string InlineSvg(const std::string& svg, const std::string& name,
                      const std::string& title);

// For text and attributes of HTML.
std::string EscapeHtml(const std::string& text);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_SVG_H_

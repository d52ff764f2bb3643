// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/svg.h"

#include <cstddef>

namespace rocksdb_uring {

namespace {

void Replace(const std::string& from, const std::string& to,
             std::string* text) {
  for (size_t at = text->find(from); at != std::string::npos;
       at = text->find(from, at + to.size())) {
    text->replace(at, from.size(), to);
  }
}

// Removes what lies between two texts, with them.
void Cut(const std::string& from, const std::string& to, std::string* text) {
  const size_t start = text->find(from);
  if (start == std::string::npos) return;
  const size_t end = text->find(to, start + from.size());
  if (end == std::string::npos) return;
  text->erase(start, end + to.size() - start);
}

}  // namespace

std::string InlineSvg(const std::string& svg, const std::string& name,
                      const std::string& title) {
  const size_t start = svg.find("<svg");
  if (start == std::string::npos) return "";
  std::string text = svg.substr(start);
  // HTML needs no namespaces, and a page without them names no address.
  Cut(" xmlns=\"", "\"", &text);
  Cut(" xmlns:xlink=\"", "\"", &text);
  Replace("xlink:href", "href", &text);
  Cut("<filter id='textbox'", "</filter>", &text);
  Cut("<filter id='greybox'", "</filter>", &text);
  Cut("<desc>", "</desc>", &text);
  Cut("<title>", "</title>", &text);
  Replace("'rgb(  0,   0,   0)'", "\"black\"", &text);
  Replace("'black'", "\"black\"", &text);
  Replace("gnuplot_canvas", name + "_canvas", &text);
  Replace("'gp", "'" + name + "_gp", &text);
  Replace("'#gp", "'#" + name + "_gp", &text);
  text.insert(text.find('>') + 1, "<title>" + EscapeHtml(title) + "</title>");
  text.insert(4, " role=\"img\"");
  return text;
}

std::string EscapeHtml(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace rocksdb_uring

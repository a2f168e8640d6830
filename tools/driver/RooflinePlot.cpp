// RooflinePlot.cpp - the plots of a report, as SVG inside the page: no scripts, nothing to fetch.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Roofline.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <cmath>
#include <map>

using namespace llvm;

namespace llmc::driver {

StringRef colourOf(size_t k) {
  // Okabe and Ito's colours, which people with any vision tell apart; then greys.
  static constexpr StringLiteral colours[] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9",
                                              "#d55e00", "#f0e442", "#666666", "#aaaaaa"};
  return colours[std::min(k, std::size(colours) - 1)];
}

namespace {

/// Launches of one kernel on like tensors have one colour in all phases, the ones that take longest first.
class Colours {
public:
  explicit Colours(const Roofline &roofline) {
    std::map<const artifact::Launch *, double> seconds;
    for (const PredictedPhase &phase : roofline.phases)
      for (const PredictedLaunch &predicted : phase.launches)
        seconds[predicted.launch] += phase.seconds[0] > 0 ? predicted.seconds[0] / phase.seconds[0] : 0;
    for (const auto &[launch, share] : seconds)
      order.push_back({share, launch});
    llvm::sort(order, [](const auto &a, const auto &b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
  }
  /// The launch's place by time, from 0.
  size_t of(const artifact::Launch *launch) const {
    return static_cast<size_t>(find_if(order, [&](const auto &each) { return each.second == launch; }) - order.begin());
  }
  size_t size() const { return order.size(); }
  const artifact::Launch &launch(size_t k) const { return *order[k].second; }

private:
  std::vector<std::pair<double, const artifact::Launch *>> order;
};

/// "matmul blk.*.ffn_up.weight", cut to what a legend has room for.
void writeName(raw_ostream &out, const artifact::Launch &launch, size_t most) {
  std::string name = launch.kernel + (launch.subject.empty() ? "" : " " + launch.subject);
  if (name.size() > most)
    name = name.substr(0, most - 3) + "...";
  printHTMLEscaped(json::fixUTF8(name), out);
}

std::string decimal(double value, const char *form = "%.1f") {
  std::string text;
  raw_string_ostream(text) << format(form, value);
  return text;
}

/// A logarithmic axis over whole decades.
struct Axis {
  double from, to, begin, end; ///< values, and where they lie in the plot
  double at(double value) const { return begin + (end - begin) * std::log10(value / from) / std::log10(to / from); }
};

std::string decade(double value) {
  if (value >= 1e6)
    return decimal(value / 1e6, "%g") + "M";
  return value >= 1e3 ? decimal(value / 1e3, "%g") + "k" : decimal(value, "%g");
}

struct Point {
  double intensity, rate; ///< operations a byte, G operations a second at best
  const PredictedLaunch *predicted;
  const PredictedPhase *phase;
};

} // namespace

void plotShares(raw_ostream &out, const Roofline &roofline) {
  constexpr double width = 900, left = 190, bar = 26, gap = 14;
  Colours colours(roofline);
  size_t legend = std::min<size_t>(colours.size(), 9);
  double height = static_cast<double>(roofline.phases.size()) * (bar + gap) + 30 + static_cast<double>(legend) * 18;
  out << "<svg viewBox=\"0 0 " << width << " " << height << "\" width=\"" << width
      << "\" role=\"img\" aria-label=\"shares of the least time of each phase\">\n"
      << "<text x=\"0\" y=\"14\" class=t>Shares of the least time, " << roofline.machine.threads[0]
      << (roofline.machine.threads[0] == 1 ? " thread" : " threads") << "</text>\n";
  double y = 24;
  for (const PredictedPhase &phase : roofline.phases) {
    out << "<text x=\"" << left - 8 << "\" y=\"" << decimal(y + bar * 0.65) << "\" text-anchor=\"end\">" << phase.name
        << "</text>\n";
    double x = left;
    std::vector<const PredictedLaunch *> sorted;
    for (const PredictedLaunch &predicted : phase.launches)
      sorted.push_back(&predicted);
    llvm::stable_sort(sorted,
                      [&](const auto *a, const auto *b) { return colours.of(a->launch) < colours.of(b->launch); });
    for (const PredictedLaunch *predicted : sorted) {
      double share = phase.seconds[0] > 0 ? predicted->seconds[0] / phase.seconds[0] : 0,
             extent = share * (width - left - 10);
      out << "<rect x=\"" << decimal(x, "%.2f") << "\" y=\"" << decimal(y) << "\" width=\"" << decimal(extent, "%.2f")
          << "\" height=\"" << bar << "\" fill=\"" << colourOf(colours.of(predicted->launch))
          << "\" stroke=\"#fff\" stroke-width=\"0.5\"><title>";
      writeName(out, *predicted->launch, 200);
      out << ": " << decimal(100 * share) << " %, " << decimal(predicted->seconds[0] * 1e3, "%.4f")
          << " ms</title></rect>\n";
      if (extent > 34)
        out << "<text x=\"" << decimal(x + extent / 2) << "\" y=\"" << decimal(y + bar * 0.65)
            << "\" text-anchor=\"middle\" class=i>" << decimal(100 * share, "%.0f") << " %</text>\n";
      x += extent;
    }
    y += bar + gap;
  }
  for (size_t k = 0; k < legend; ++k, y += 18) {
    out << "<rect x=\"" << left << "\" y=\"" << decimal(y) << "\" width=\"12\" height=\"12\" fill=\"" << colourOf(k)
        << "\"/><text x=\"" << left + 18 << "\" y=\"" << decimal(y + 10) << "\">";
    if (k + 1 == legend && colours.size() > legend)
      out << "the rest";
    else
      writeName(out, colours.launch(k), 100);
    out << "</text>\n";
  }
  out << "</svg>\n";
}

void plotRoofs(raw_ostream &out, const Roofline &roofline) {
  const MachineDescription &machine = roofline.machine;
  std::vector<Point> points;
  double memory = machine.readings.back().rates[0] * 1e-9, highest = 0;
  for (const auto &[type, rates] : machine.operations)
    highest = std::max(highest, rates[0] * 1e-9);
  for (const PredictedPhase &phase : roofline.phases)
    for (const PredictedLaunch &predicted : phase.launches)
      if (predicted.work.operations > 0 && predicted.work.bytes > 0 && predicted.seconds[0] > 0)
        points.push_back({predicted.work.operations / predicted.work.bytes,
                          predicted.work.operations / predicted.seconds[0] * 1e-9, &predicted, &phase});
  if (points.empty())
    return;
  auto [least, most] = std::minmax_element(points.begin(), points.end(),
                                           [](const Point &a, const Point &b) { return a.intensity < b.intensity; });
  Axis x = {std::pow(10, std::floor(std::log10(least->intensity))),
            std::pow(10, std::ceil(std::log10(most->intensity * 1.01))), 60, 640};
  Axis y = {std::pow(10, std::floor(std::log10(std::min(memory * x.from, highest)))),
            std::pow(10, std::ceil(std::log10(highest * 1.01))), 340, 30};
  Colours colours(roofline);
  out << "<svg viewBox=\"0 0 900 390\" width=\"900\" role=\"img\" aria-label=\"operations a second over operations a "
         "byte\">\n"
      << "<text x=\"0\" y=\"14\" class=t>G operations a second at best, over operations for each byte of weights and "
         "cache ("
      << machine.threads[0] << (machine.threads[0] == 1 ? " thread" : " threads") << ")</text>\n";
  for (double value = x.from; value <= x.to * 1.01; value *= 10)
    out << "<line x1=\"" << decimal(x.at(value)) << "\" x2=\"" << decimal(x.at(value))
        << "\" y1=\"30\" y2=\"340\" class=g/><text x=\"" << decimal(x.at(value))
        << "\" y=\"356\" text-anchor=\"middle\">" << decade(value) << "</text>\n";
  for (double value = y.from; value <= y.to * 1.01; value *= 10)
    out << "<line x1=\"60\" x2=\"640\" y1=\"" << decimal(y.at(value)) << "\" y2=\"" << decimal(y.at(value))
        << "\" class=g/><text x=\"54\" y=\"" << decimal(y.at(value) + 4) << "\" text-anchor=\"end\">" << decade(value)
        << "</text>\n";
  // The slope of memory up to the highest roof, then a roof for each type.
  double knee = std::clamp(highest / memory, x.from, x.to);
  out << "<line x1=\"" << decimal(x.at(x.from)) << "\" y1=\"" << decimal(y.at(std::max(memory * x.from, y.from)))
      << "\" x2=\"" << decimal(x.at(knee)) << "\" y2=\"" << decimal(y.at(std::min(memory * knee, highest)))
      << "\" class=r/>\n";
  for (const auto &[type, rates] : machine.operations) {
    double rate = rates[0] * 1e-9, start = std::clamp(rate / memory, x.from, x.to);
    out << "<line x1=\"" << decimal(x.at(start)) << "\" x2=\"640\" y1=\"" << decimal(y.at(rate)) << "\" y2=\""
        << decimal(y.at(rate)) << "\" class=r/><text x=\"646\" y=\"" << decimal(y.at(rate) + 4) << "\">";
    printHTMLEscaped(json::fixUTF8(type), out);
    out << " " << decimal(rate, "%.0f") << "</text>\n";
  }
  out << "<text x=\"" << decimal(x.at(std::sqrt(x.from * knee))) << "\" y=\""
      << decimal(y.at(std::max(memory * std::sqrt(x.from * knee), y.from)) - 8) << "\" text-anchor=\"end\">memory, "
      << decimal(memory) << " GB/s</text>\n";
  for (const Point &point : points) {
    bool first = point.phase == &roofline.phases.front();
    StringRef colour = colourOf(colours.of(point.predicted->launch));
    out << "<circle cx=\"" << decimal(x.at(point.intensity)) << "\" cy=\""
        << decimal(y.at(std::max(point.rate, y.from))) << "\" r=\"5\" fill=\"" << (first ? colour : "#fff")
        << "\" stroke=\"" << colour << "\" stroke-width=\"2\"><title>";
    writeName(out, *point.predicted->launch, 200);
    out << ", " << point.phase->name << ": " << decimal(point.intensity, "%.2f") << " operations a byte, "
        << decimal(point.rate) << " G/s</title></circle>\n";
  }
  out << "<circle cx=\"768\" cy=\"44\" r=\"5\" fill=\"#444\" stroke=\"#444\" stroke-width=\"2\"/><text x=\"780\" "
         "y=\"48\">"
      << roofline.phases.front().name << "</text>\n";
  if (roofline.phases.size() > 1)
    out << "<circle cx=\"768\" cy=\"64\" r=\"5\" fill=\"#fff\" stroke=\"#444\" stroke-width=\"2\"/><text x=\"780\" "
           "y=\"68\">single tokens</text>\n";
  out << "<text x=\"350\" y=\"378\" text-anchor=\"middle\">operations a byte</text>\n</svg>\n";
}

} // namespace llmc::driver

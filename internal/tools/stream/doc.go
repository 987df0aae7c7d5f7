// Package stream is a deterministic stream of clicks and impressions, and what Apache Flink 2.3.0 has made of it.
//
// Event i is a function of i alone, computed with integers only, so that programs in any language make the same stream and can
// compare what they compute from it by one checksum. A hundred thousand users follow a stepwise Zipf law, one event in ten is a click, and
// one in twenty carries a time up to five seconds older than those about it.
//
// [At] makes an event, [Total] sums outputs up, and [Flink] holds the results of three jobs: sliding windows, a ring of
// tiles read after every event, and a pattern. The tests of this package hold the feature store against them.
package stream

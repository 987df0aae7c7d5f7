// Package race lets the learners of the project run over sets of exposures with twenty categorical fields, on one core and through
// the interface that the engine uses, hashing included, and judges them as their peers are judged: by progressive log-loss and AUC, and by
// examples per second of CPU.
//
// The sets are the synthetic stream ([Synthetic]) and the exposures of KuaiRand ([KuaiRand]). [Set.WriteVW] writes them for Vowpal Wabbit and others;
// bench/peers runs those. [MemoryBound] is how fast the machine can update such a table at all.
package race

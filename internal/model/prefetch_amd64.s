#include "textflag.h"

// func prefetch(base unsafe.Pointer, slots []uint32, mask uint32, stride uintptr)
TEXT ·prefetch(SB), NOSPLIT, $0-48
	MOVQ base+0(FP), DI
	MOVQ slots_base+8(FP), SI
	MOVQ slots_len+16(FP), CX
	MOVL mask+32(FP), DX
	MOVQ stride+40(FP), BX
	JMP  more

next:
	MOVL       (SI), AX
	ANDL       DX, AX
	IMULQ      BX, AX
	PREFETCHT0 (DI)(AX*1)
	ADDQ       $4, SI
	DECQ       CX

more:
	TESTQ CX, CX
	JNZ   next
	RET

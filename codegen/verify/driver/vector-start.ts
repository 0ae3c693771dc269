/** C of the bare-metal start-up: vector registers are off until machine mode turns them on (mstatus.VS). */
export const vectorStart = `__attribute__((constructor)) static void vectors_on(void) {
  __asm__ volatile("csrs mstatus, %0" : : "r"(0x600));
}
`;

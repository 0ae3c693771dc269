/** Which of the threads this instance is: whose scratch its kernels use, whatever part of a step they do. */
export let worker: i32 = 0;

export function becomeWorker(thread: i32): void {
  worker = thread;
}

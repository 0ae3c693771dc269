import { existsSync } from "node:fs";
import { create, globals } from "webgpu";

// Imported by a process of Node before its program: takes its device away as a crash of the driver does, a few
// submissions after a file, the first checkpoint of a training, is there.

const file = process.env["LOSE_DEVICE_ONCE_THERE_IS"]!;
let submissionsLeft = 5;
const devices: GPUDevice[] = [];

Object.assign(globalThis, globals);
Object.defineProperty(navigator, "gpu", { value: create([]), configurable: true });

const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  devices.push(device);
  return device;
};

const { submit } = GPUQueue.prototype;
GPUQueue.prototype.submit = function (...args) {
  submit.apply(this, args);
  if (submissionsLeft > 0 && existsSync(file) && --submissionsLeft === 0)
    for (const device of devices) device.destroy();
};

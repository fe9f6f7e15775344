/** Whether `npm run test:all` asks for what takes too long otherwise. */
export const testsAll = process.env.ROCM_ATTENTION_TEST_ALL === "1";

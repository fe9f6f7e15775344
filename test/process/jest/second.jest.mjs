import { testAttention } from "./attention.mjs";

testAttention();

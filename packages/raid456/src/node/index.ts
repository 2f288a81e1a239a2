export { FileMember } from "./file-member.js";
